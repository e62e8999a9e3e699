node('linux') {
    stage('Checkout') {
        checkout([$class: 'GitSCM', branches: [[name: params.GIT_SHA1]],
                  userRemoteConfigs: [[url: 'https://github.com/' + params.GIT_HEAD_REPO + '.git']]])
    }
    stage('Build') {
        sh 'hack/make.sh binary'
    }
    stage('Test') {
        sh 'hack/make.sh test-unit'
        junit allowEmptyResults: true, testResults: 'bundles/**/*-report.xml'
    }
}
