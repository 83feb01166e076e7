package main

import "strings"

// commandLine returns a command as a person would type it into a POSIX shell.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		if quoted[i] = arg; arg == "" || strings.ContainsFunc(arg, isSpecial) {
			quoted[i] = shellQuote(arg)
		}
	}
	return strings.Join(quoted, " ")
}

func isSpecial(r rune) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%"
	return r < 128 && !strings.ContainsRune(plain, r)
}

// shellQuote quotes s for a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
