package wrapper

import "net/http"

// The errnos of the contract's table, see "Errors" in openapi.yaml.
const (
	errnoIllegalRequest = 1
	errnoSystem         = 2
	errnoUnknownProblem = 3
	errnoToken          = 4
	errnoIllegalCall    = 13
	errnoSession        = 40000
	errnoSnapshot       = 41017
	errnoImage          = 41026
	errnoArrears        = 1000011
	errnoBalance        = 1100020
	errnoPermission     = 10000001
	errnoRegion         = 16000002
)

// sentinel returns what an errno stands for, or else an HTTP status; nil when
// neither is listed.
func sentinel(errno int64, status int) error {
	switch errno {
	case errnoToken:
		return ErrAuth
	case errnoPermission:
		return ErrPermission
	case errnoIllegalRequest, errnoIllegalCall:
		return ErrBadParameter
	case errnoArrears:
		return ErrArrears
	case errnoBalance:
		return ErrBalance
	case errnoSnapshot, errnoImage, errnoRegion:
		return ErrNotFound
	case errnoSystem, errnoUnknownProblem, errnoSession:
		return ErrServer
	}
	switch {
	case status == http.StatusUnauthorized:
		return ErrAuth
	case status == http.StatusForbidden:
		return ErrPermission
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		return ErrBadParameter
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status >= http.StatusInternalServerError:
		return ErrServer
	}
	return nil
}
