//go:build race

package sim_test

// Under the race detector each exchange takes eight times as long.
func init() { underRace = true }
