package sim

// hostFaults are the faults of the hosts of the URL lists.
var hostFaults = []*Fault{}
