package main

const jobs = "operationId: getJobResult"

func parameter(text string) edit {
	return edit{jobs, "      responses:", "        - {" + text + "}\n      responses:"}
}

func replyMember(text string) edit {
	return edit{"    CIMG:", "        job:\n", "        extra: " + text + "\n        job:\n"}
}

func requestMember(text string) edit {
	return edit{"    ListCIMGCondition:", "      properties:\n", "      properties:\n        extra: " + text + "\n"}
}

var movedJobs = edit{"paths:", "/dicloud/i/result:", "/dicloud/i/jobs:"}

// No mark, and no way of writing it, makes compatible what breaks, or the other
// way round.
var markMutations = []mutation{
	{"path removed after its sunset", edits(edit{jobs, "\n", "\n      deprecated: true\n      x-sunset: '2020-01-01'\n"}), edits(movedJobs),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result")}},
	{"path of a draft removed", edits(edit{jobs, "\n", "\n      x-stability-level: draft\n"}), edits(movedJobs),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result")}},
	{"path of an alpha version removed", edits(edit{jobs, "\n", "\n      x-stability-level: alpha\n"}), edits(movedJobs),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result")}},
	{"parameter removed after its sunset", edits(parameter("name: order, in: query, deprecated: true, x-sunset: '2020-01-01', schema: {type: string}")),
		edits(edit{jobs, "        - {name: order, in: query, deprecated: true, x-sunset: '2020-01-01', schema: {type: string}}\n", ""}),
		[]finding{breaks(callers, "getJobResult", "deleted the `query` request parameter `order`")}},
	{"deprecated since long ago", nil, edits(edit{jobs, "\n", "\n      deprecated: true\n      x-sunset: '2020-01-01'\n"}),
		[]finding{fine("getJobResult", "endpoint deprecated")}},
	{"parameter moved to its path", edits(edit{jobs, "        - name: regionId\n          in: query\n          required: true\n          description: The region the jobs run in.\n          schema:\n            $ref: '#/components/schemas/RegionId'\n          example: gz\n", "        - {name: regionId, in: query, required: true, schema: {$ref: '#/components/schemas/RegionId'}}\n"}),
		edits(edit{"/dicloud/i/result:", "\n", "\n    parameters: [{name: regionId, in: query, required: true, schema: {$ref: '#/components/schemas/RegionId'}}]\n"},
			edit{jobs, "        - {name: regionId, in: query, required: true, schema: {$ref: '#/components/schemas/RegionId'}}\n", ""}), nil},
	{"header in other letters", edits(parameter("name: X-Trace, in: header, schema: {type: string}")),
		edits(edit{jobs, "name: X-Trace", "name: x-trace"}), nil},
	{"scope of a flow described", edits(edit{"  securitySchemes:", "      type: http\n      scheme: bearer\n", "      type: oauth2\n      flows: {clientCredentials: {tokenUrl: 'https://a', scopes: {read: Read.}}}\n"}),
		edits(edit{"  securitySchemes:", "{read: Read.}", "{read: Read all., write: Write.}"}), nil},
}

// Edges of schemas that oasdiff knows little of.
var edgeMutations = []mutation{
	{"discriminator's mapping swapped", edits(
		edit{"  schemas:", "\n", "\n    A: {type: object, properties: {kind: {type: string}}}\n    B: {type: object, properties: {kind: {type: string}}}\n"},
		replyMember("{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}], discriminator: {propertyName: kind, mapping: {x: '#/components/schemas/A', y: '#/components/schemas/B'}}}")),
		edits(edit{"    CIMG:", "x: '#/components/schemas/A', y: '#/components/schemas/B'", "x: '#/components/schemas/B', y: '#/components/schemas/A'"}),
		[]finding{breaks(readers, "listCIMG", "mapped value for discriminator key `x` changed")}},
	{"items of a parameter get a pattern", edits(parameter("name: o, in: query, schema: {type: array, items: {type: string}}")),
		edits(edit{jobs, "items: {type: string}", "items: {type: string, pattern: '^a$'}"}),
		[]finding{breaks(callers, "getJobResult", "`query o/items/`")}},
	{"pattern with a slash is told once", edits(parameter("name: o, in: query, schema: {type: string}")),
		edits(edit{jobs, "schema: {type: string}", "schema: {type: string, pattern: '^a/b$'}"}),
		[]finding{breaks(callers, "getJobResult", "pattern")}},
	{"parameter in JSON, a member required", edits(parameter("name: o, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: string}}}}}")),
		edits(edit{jobs, "{type: object, properties", "{type: object, required: [a], properties"}),
		[]finding{breaks(callers, "getJobResult", "`query o/a` became required")}},
	{"parameter closed to further members", edits(parameter("name: o, in: query, style: deepObject, schema: {type: object, properties: {a: {type: string}}}")),
		edits(edit{jobs, "{type: object, properties", "{type: object, additionalProperties: false, properties"}),
		[]finding{breaks(callers, "getJobResult", "took any further members, and takes no")}},
	{"map of a request widened", edits(requestMember("{type: object, additionalProperties: {type: integer, format: int32}}")),
		edits(edit{"    ListCIMGCondition:", "additionalProperties: {type: integer, format: int32}", "additionalProperties: {type: integer, format: int64}"}),
		[]finding{fine("listCIMG", "was widened from `int32` to `int64`"), breaks(generated, "", "`ListCIMGCondition.extra` was map of integer/int32")}},
	{"date of a request becomes a time", edits(requestMember("{type: string, format: date}"), parameter("name: o, in: query, schema: {type: string, format: time}"), parameter("name: p, in: query, schema: {type: array, items: {type: string, format: date}}")),
		edits(edit{"    ListCIMGCondition:", "format: date", "format: date-time"}, edit{jobs, "format: time", "format: date-time"}, edit{jobs, "format: date}", "format: date-time}"}),
		[]finding{breaks(callers, "listCIMG", "`condition/extra` request property `format` changed from `date` to `date-time`"),
			breaks(callers, "getJobResult", "parameter `o`, the `format` changed from `time` to `date-time`"),
			breaks(callers, "getJobResult", "`query p/items/` request parameter `format` changed from `date` to `date-time`")}},
	{"format of a request given up", edits(requestMember("{type: string, format: date}")), edits(edit{"    ListCIMGCondition:", ", format: date", ""}),
		[]finding{fine("listCIMG", "was widened"), breaks(generated, "", "`ListCIMGCondition.extra`")}},
	{"style of one value changed", edits(movedJobs, edit{"paths:", "/dicloud/i/jobs:", "/dicloud/i/jobs/{id}:"}, parameter("name: id, in: path, required: true, schema: {type: string}")),
		edits(edit{jobs, "{name: id, in: path,", "{name: id, in: path, style: label,"}),
		[]finding{breaks(callers, "getJobResult", "became style `label`")}},
	{"default reply removed", nil, edits(edit{"operationId: listCIMG", "        default:\n          $ref: '#/components/responses/Gateway'\n", ""}),
		[]finding{breaks(generated, "listCIMG", "the reply `default` is gone")}},
}
