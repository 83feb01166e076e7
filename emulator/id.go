package emulator

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
)

// idSource makes the ids of jobs, images and requests.
type idSource struct {
	random io.Reader // of a kind that never fails
}

func newIDSource(seed uint64) idSource {
	if seed == 0 {
		return idSource{cryptorand.Reader}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return idSource{rand.NewChaCha8(key)}
}

// uuid returns 32 lower-case hex digits, the form of every published id.
func (s idSource) uuid() string {
	var id [16]byte
	_, _ = io.ReadFull(s.random, id[:])
	return hex.EncodeToString(id[:])
}

// short returns an id like cimg-cy58anir, the second id that an image carries.
func (s idSource) short() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var id [8]byte
	_, _ = io.ReadFull(s.random, id[:])
	for i, b := range id {
		id[i] = digits[int(b)%len(digits)]
	}
	return "cimg-" + string(id[:])
}
