package emulator

// The errnos that the emulator rejects requests with.
const (
	errnoOK            = 0
	errnoBadRequest    = 1
	errnoTokenRejected = 4
	errnoBadCall       = 13
	errnoSnapshot      = 41017
	errnoImage         = 41026
	errnoRegion        = 16000002
)

// errmsgs are the published texts of all errnos that image operations can
// return, for rejections and for faults.
var errmsgs = map[int64]string{
	errnoOK:            "ok",
	errnoBadRequest:    "请求有点问题，请反馈客服",
	2:                  "服务开小差，请稍等",
	3:                  "服务开小差，休息一会再试试",
	errnoTokenRejected: "认证错误/AccessDenied",
	errnoBadCall:       "调用方式有点小问题，请反馈客服",
	40000:              "会话异常，请重新登录或稍后再试",
	errnoSnapshot:      "查询SNAP信息失败",
	errnoImage:         "查询镜像失败",
	1000011:            "账户已欠费，无法进行该操作",
	1100020:            "余额不足",
	10000001:           "没有权限，请联系管理员",
	errnoRegion:        "查询地域与可用区信息失败",
}
