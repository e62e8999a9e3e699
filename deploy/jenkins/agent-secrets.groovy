// Leaves for each agent that is configured, in its folder of /agents, the secret that it proves itself by: it depends on
// the controller.
import hudson.slaves.SlaveComputer
import jenkins.model.Jenkins

Jenkins.get().computers.findAll { it instanceof SlaveComputer }.each { new File("/agents/${it.name}/secret").text = it.jnlpMac }
