package main

import "os"

// writeCA writes a root certificate to a file; "" is for none.
func writeCA(file string, pem []byte) error {
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, pem, 0o644); err != nil {
		return usage("--ca-out: %w", err)
	}
	return nil
}
