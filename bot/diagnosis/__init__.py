"""Why a build failed, told from its log alone: no bot, no account and no configuration is needed."""
