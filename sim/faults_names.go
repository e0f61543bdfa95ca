package sim

// nameFaults are the faults of the name service.
var nameFaults = []*Fault{}
