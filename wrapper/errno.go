package wrapper

import (
	"net/http"

	"github.com/cimg-go/cimg/internal/errno"
)

// The errnos that openapi.yaml lists, for [APIError].Errno. Most are better told
// apart with errors.Is and the Err variables.
const (
	ErrnoIllegalRequest = errno.IllegalRequest
	ErrnoSystem         = errno.System
	ErrnoUnknownProblem = errno.UnknownProblem
	ErrnoToken          = errno.Token
	ErrnoIllegalCall    = errno.IllegalCall
	ErrnoSession        = errno.Session
	ErrnoSnapshot       = errno.Snapshot
	ErrnoImage          = errno.Image
	ErrnoArrears        = errno.Arrears
	ErrnoBalance        = errno.Balance
	ErrnoPermission     = errno.Permission
	ErrnoRegion         = errno.Region
)

// sentinels are what errors.Is finds for the meanings of errnos.
var sentinels = map[errno.Meaning]error{
	errno.BadParameter: ErrBadParameter,
	errno.Server:       ErrServer,
	errno.BadToken:     ErrAuth,
	errno.NoPermission: ErrPermission,
	errno.NotFound:     ErrNotFound,
	errno.InArrears:    ErrArrears,
	errno.LowBalance:   ErrBalance,
}

// sentinel returns what an errno stands for, or else an HTTP status; nil when
// neither is listed.
func sentinel(number int64, status int) error {
	if err, listed := sentinels[errno.Find(number).Meaning]; listed {
		return err
	}
	switch {
	case status == http.StatusUnauthorized:
		return ErrAuth
	case status == http.StatusForbidden:
		return ErrPermission
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong,
		status == http.StatusRequestHeaderFieldsTooLarge, status == 494: // nginx's own
		return ErrBadParameter
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= http.StatusInternalServerError:
		return ErrServer
	}
	return nil
}
