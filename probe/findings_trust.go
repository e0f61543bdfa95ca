package probe

// trustFindings are the findings of certificates.
var trustFindings = []*Finding{}
