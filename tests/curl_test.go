package tests

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requestOfCurl builds the request that a curl command would send. It supports
// the options that the published pages and `cimg mock` use.
func requestOfCurl(command string) (*http.Request, error) {
	words, err := shellWords(command)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 || words[0] != "curl" {
		return nil, errors.New("not a curl command")
	}
	var url, body string
	method := ""
	header := make(http.Header)
	for i := 1; i < len(words); i++ {
		option := words[i]
		if !strings.HasPrefix(option, "-") {
			url = option
			continue
		}
		if option == "-s" || option == "--location" {
			continue
		}
		i++
		if i == len(words) {
			return nil, errors.New(option + " lacks its value")
		}
		switch option {
		case "-X", "--request":
			method = words[i]
		case "-H", "--header":
			name, value, _ := strings.Cut(words[i], ":")
			header.Add(name, strings.TrimSpace(value))
		case "-d", "--data", "--data-raw":
			body = words[i]
		default:
			return nil, errors.New("unknown option " + option)
		}
	}
	if method == "" {
		method = http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = header
	return r, nil
}

// shellWords splits a command like a shell: at white space outside single
// quotes, with a backslash joining lines.
func shellWords(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quoted := false, false
	command = strings.ReplaceAll(command, "\\\n", " ")
	for _, r := range command {
		switch {
		case r == '\'':
			quoted, inWord = !quoted, true
		case !quoted && strings.ContainsRune(" \t\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

func TestShellWords(t *testing.T) {
	words, err := shellWords("curl -X POST \\\n  -H 'a: b' -d '{\n \"x\": 1}' ''")
	require.NoError(t, err)
	require.Equal(t, []string{"curl", "-X", "POST", "-H", "a: b", "-d", "{\n \"x\": 1}", ""}, words)
	_, err = shellWords("curl 'oops")
	require.Error(t, err)
}
