package probe

// nameFindings are the findings of the name service.
var nameFindings = []*Finding{}
