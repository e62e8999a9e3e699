"""How often the verdicts on labelled logs are right, beside what simpler ways would tell."""
