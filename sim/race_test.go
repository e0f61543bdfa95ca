//go:build race

package sim_test

// underRace tells that the race detector is at work, under which a whole run for each
// fault takes too long: there TestFaults makes the quick steps alone and looks for
// races, not findings. Make test makes whole runs without it.
const underRace = true
