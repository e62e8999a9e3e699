// Leaves in /agents, for each agent that is configured, the secret that it proves itself by: it depends on the controller.
import hudson.slaves.SlaveComputer
import jenkins.model.Jenkins

Jenkins.get().computers.findAll { it instanceof SlaveComputer }.each { new File('/agents', it.name).text = it.jnlpMac }
