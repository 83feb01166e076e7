// Package errno is the table of errnos in openapi.yaml ("Errors"), for Go: the
// wrapper and the emulator read it, and a test compares it with the contract.
// To add an errno, add a line to both.
package errno

// The errnos.
const (
	OK             = 0
	IllegalRequest = 1
	System         = 2
	UnknownProblem = 3
	Token          = 4
	IllegalCall    = 13
	Session        = 40000
	Snapshot       = 41017
	Image          = 41026
	Arrears        = 1000011
	Balance        = 1100020
	Permission     = 10000001
	Region         = 16000002
)

// Meaning is what callers tell errnos apart by.
type Meaning int

// The meanings. The wrapper has an error for each, but for Success and Unlisted.
const (
	Unlisted Meaning = iota
	Success
	BadParameter
	Server // transient: the request may succeed later
	BadToken
	NoPermission
	NotFound
	InArrears
	LowBalance
)

// Changed says whether a mutating call that got the errno was carried out.
type Changed string

// What can be known of it, in the words of the contract.
const (
	Yes     Changed = "yes"
	No      Changed = "no"
	Unknown Changed = "unknown"
)

// Entry is one line of the table.
type Entry struct {
	Errno   int64
	Meaning Meaning
	Changed Changed
	Errmsg  string // as published
}

// Table is the contract's table.
var Table = []Entry{
	{OK, Success, Yes, "ok"},
	{IllegalRequest, BadParameter, No, "请求有点问题，请反馈客服"},
	{System, Server, Unknown, "服务开小差，请稍等"},
	{UnknownProblem, Server, Unknown, "服务开小差，休息一会再试试"},
	{Token, BadToken, No, "认证错误/AccessDenied"},
	{IllegalCall, BadParameter, No, "调用方式有点小问题，请反馈客服"},
	{Session, Server, Unknown, "会话异常，请重新登录或稍后再试"},
	{Snapshot, NotFound, No, "查询SNAP信息失败"},
	{Image, NotFound, No, "查询镜像失败"},
	{Arrears, InArrears, No, "账户已欠费，无法进行该操作"},
	{Balance, LowBalance, No, "余额不足"},
	{Permission, NoPermission, No, "没有权限，请联系管理员"},
	{Region, NotFound, No, "查询地域与可用区信息失败"},
}

// Find returns the entry of an errno. One that is not listed may come, too: its
// meaning is Unlisted, and whether anything was changed is unknown.
func Find(errno int64) Entry {
	for _, entry := range Table {
		if entry.Errno == errno {
			return entry
		}
	}
	return Entry{Errno: errno, Changed: Unknown}
}
