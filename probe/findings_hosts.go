package probe

// hostFindings are the findings of the hosts of the URL lists.
var hostFindings = []*Finding{}
