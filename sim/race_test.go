//go:build race

package sim_test

// underRace tells that the race detector is at work, under which a whole run for each
// fault takes too long: there the repetitions are left out where they show nothing,
// and reports are not validated. .ci/run makes them whole without it.
const underRace = true
