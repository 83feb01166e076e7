package main

// What nobody notices who sends and reads bytes.
var goMutations = []mutation{
	{"operationId changed", nil, edits(edit{"paths:", "operationId: createCIMG", "operationId: createImages"}),
		[]finding{breaks(generated, "createCIMG", "`createCIMG` removed and replaced with `createImages`")}},
	{"operation and its path renamed", nil, edits(
		edit{"paths:", "/dicloud/i/result:", "/dicloud/i/jobs:"}, edit{"paths:", "operationId: getJobResult", "operationId: getJobs"}),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result"), breaks(generated, "getJobResult", "its function, parameters and replies are gone")}},
	{"schema renamed", nil, edits(
		edit{"\n    CIMGPage:", "CIMGPage", "Images"}, edit{"    ListCIMGReply:", "schemas/CIMGPage", "schemas/Images"}),
		[]finding{breaks(generated, "", "removed the schema `CIMGPage`"), breaks(generated, "", "`ListCIMGReply.data` was CIMGPage, and is Images")}},
	{"schema added", nil, edits(edit{"  schemas:", "\n", "\n    New: {type: object, properties: {a: {type: string}}}\n"}), nil},
	{"another schema that looks the same", edits(edit{"  schemas:", "\n", "\n    Job2: {type: object, properties: {a: {type: string}}}\n    Job3: {type: object, properties: {a: {type: string}}}\n    Holder: {type: object, properties: {job: {$ref: '#/components/schemas/Job2'}}}\n"}),
		edits(edit{"    Holder:", "Job2", "Job3"}),
		[]finding{breaks(generated, "", "`Holder.job` was Job2, and is Job3")}},
	{"alias instead of its type", nil, edits(edit{"    Job:", "        jobUuid:\n          type: string\n          minLength: 1\n", "        jobUuid:\n          allOf: [{$ref: '#/components/schemas/Id'}]\n"},
		edit{"  schemas:", "\n", "\n    Id: {type: string, minLength: 1}\n"}), nil},
	{"integer of a reply narrowed", nil, edits(edit{"        size:", "format: int64", "format: int32"}),
		[]finding{breaks(generated, "", "`CIMG.size` was integer/int64, and is integer/int32"), fine("listCIMG", "was narrowed from `int64` to `int32`")}},
	{"integer of a request widened", nil, edits(edit{"    ListCIMGRequest:", "type: integer\n          format: int64", "type: number"}),
		[]finding{breaks(generated, "", "`ListCIMGRequest.start` was integer/int64, and is number")}},
	{"items of a reply typed", nil, edits(edit{"        cimgTags:", "items: {}", "items: {type: string}"}),
		[]finding{breaks(generated, "", "`CIMG.cimgTags` was array of any, and is array of string")}},
	{"enum of a reply narrowed", edits(edit{"    CIMG:", "description: For instance `Ready`", "enum: [Ready, Building]\n          description: For instance `Ready`"}),
		edits(edit{"    CIMG:", "[Ready, Building]", "[Ready]"}),
		[]finding{breaks(generated, "", "`CIMG.status(Building)` is gone"), fine("listCIMG", "`Building`")}},
	{"Go name given", nil, edits(edit{"    CIMG:", "        isShared:\n", "        isShared:\n          x-go-name: Shared\n"}),
		[]finding{breaks(generated, "", "`CIMG.isShared` was boolean, and is boolean (x-go-name: Shared)")}},
	{"integer of a reply without a name narrowed", edits(edit{"description: One page of images", "                $ref: '#/components/schemas/ListCIMGReply'\n", "                {type: object, properties: {n: {type: integer, format: int64}, m: {type: object, additionalProperties: {type: object, properties: {k: {type: string}}}}}}\n"}),
		edits(edit{"description: One page of images", "format: int64", "format: int32"}, edit{"description: One page of images", "k: {type: string}", "k: {type: string, format: uuid}"}),
		[]finding{breaks(generated, "", "`listCIMG(reply 200 application/json).n` was integer/int64, and is integer/int32"),
			breaks(generated, "", "`listCIMG(reply 200 application/json).m{}.k` was string, and is string/uuid")}},
	{"reply of an error removed", edits(edit{"operationId: listCIMG", "        default:\n", "        '429': {description: Too fast.}\n        default:\n"}),
		edits(edit{"operationId: listCIMG", "        '429': {description: Too fast.}\n", ""}),
		[]finding{breaks(generated, "listCIMG", "the reply `429` is gone")}},
	{"reply added to the only one", edits(edit{"operationId: listCIMG", "        default:\n          $ref: '#/components/responses/Gateway'\n", ""}),
		edits(edit{"operationId: listCIMG", "      responses:\n", "      responses:\n        '429': {description: Too fast.}\n"}),
		[]finding{breaks(generated, "listCIMG", "the reply `429` came beside the only one"), fine("listCIMG", "`429`")}},
	{"envelope extracted into a shared part", nil, edits(
		edit{"    JobsReply:", "      required: [errno, errmsg, requestId]\n      properties:\n        errno:\n          $ref: '#/components/schemas/Errno'\n", "      required: [errmsg, requestId]\n      allOf: [{$ref: '#/components/schemas/Envelope'}]\n      properties:\n"},
		edit{"  schemas:", "\n", "\n    Envelope: {type: object, required: [errno], properties: {errno: {type: integer, format: int64}}}\n"}), nil},
}
