package policy

const MaxDrafts = maxDrafts
