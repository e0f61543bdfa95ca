package sim

// trustFaults are the faults of certificates.
var trustFaults = []*Fault{}
