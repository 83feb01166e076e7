package contract_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/contract"
)

func TestTheContractLoads(t *testing.T) {
	document, err := contract.Load("openapi.yaml", cimg.Spec)
	require.NoError(t, err)
	require.Len(t, document.Paths.Map(), 6)
}

// Each row breaks the contract in one place. The mark ¶ in what is put there
// stands for the line that the problem must name.
func TestABrokenContractSaysWhere(t *testing.T) {
	rows := []struct{ name, old, broken, reason string }{
		// Text, and YAML.
		{"a byte that is no UTF-8", "  title: DiDi", "  title: \xe9¶ DiDi", "the byte 0xe9 is not UTF-8"},
		{"a control character", "  title: DiDi", "  title: \x00¶DiDi", "the control character U+0000 is not allowed"},
		{"indentation", "    RegionId:\n", "  stray¶\n    RegionId:\n", "could not find expected ':'"},
		{"one space too few", "          description: How far", "         description: How far¶", "did not find expected key (in the block that begins in line "},
		{"an unclosed bracket", "required: [cimgUuid, name]\n      properties:\n        cimgUuid:\n", "required: [cimgUuid, name¶\n      properties:\n        cimgUuid:\n", "did not find expected ',' or ']'"},
		{"a tab", "info:\n", "info:\n¶\ttab: 1\n", "cannot start any token"},
		{"a member twice", "info:\n", "openapi: 3.0.3¶\ninfo:\n", `"openapi" is already defined in line 4`},
		{"a schema twice", "    CIMG:\n", "    Job:¶\n      type: object\n    CIMG:\n", `"Job" is already defined`},
		{"an unknown anchor", "        size:\n", "        size: *none¶\n        size2:\n", "unknown anchor 'none' referenced"},
		{"an alias", "        size:\n", "        size: &size {type: string, description: a}\n        size2: *size¶\n        size3:\n", "aliases are not read alike by every tool"},
		{"a merge key", "        size:\n", "        size:\n          <<: {type: string}¶\n", "<< is not read by every tool"},
		{"a name that is no text", "        size:\n", "        ? [a]¶\n        : {type: string}\n        size:\n", "a name must be text"},
		{"a name that is null", "        size:\n", "        ~: {type: string}¶\n        size:\n", "a name must be text"},
		{"a number that JSON lacks", "          maximum: 100\n", "          maximum: .nan¶\n", ".nan is no number of JSON"},
		{"a tag", "          maximum: 100\n", "          maximum: !!float abc¶\n", "the tag !!float is not read alike by every tool"},
		{"a tag of an example", "          example: gz\n", "          example: !!binary '***'¶\n", "the tag !!binary is not"},
		{"a name with a tag", "        size:\n", "        !!int abc: {type: string}¶\n        size:\n", "a name must be text"},
		{"a second document", "externalDocs:\n  description: The provider's documentation", "---¶\nexternalDocs:\n  description: The provider's documentation", "a second document begins"},

		// The grammar of OpenAPI.
		{"a misspelt member", "          required: true\n          description: The region the jobs", "          requird: true¶\n          description: The region the jobs", `OpenAPI 3.0 has no member "requird" here`},
		{"text for a number", "      minLength: 1\n      pattern", "      minLength: one¶\n      pattern", `"minLength" is text, not a whole number from 0`},
		{"a negative length", "      minLength: 1\n      pattern", "      minLength: -1¶\n      pattern", `"minLength" is a number, not a whole number from 0`},
		{"half a character", "      minLength: 1\n      pattern", "      minLength: 1.5¶\n      pattern", `"minLength" is a number, not a whole number from 0`},
		{"a number beyond all", "          maximum: 100\n", "          maximum: 1e999¶\n", `"maximum" is text, not a number`},
		{"text for a list", "      required: [name, snapUuid]", "      required: name¶", `"required" is text, not an array`},
		{"a list for an object", "paths:\n", "paths: []¶\nx-paths:\n", `"paths" is an array, not an object`},
		{"an object for a list", "servers:\n  - url: https://open", "servers:¶\n    url: https://open", `"servers" is an object, not an array`},
		{"an object for text", "  title: DiDi", "  title:¶\n    en: DiDi", `"title" is an object, not text`},
		{"a number for text", "  version: 0.1.0", "  version: 0.1¶", `"version" is a number, not text: put it in quotes`},
		{"no schema at all", "    Job:\n      type: object\n", "    Job: 5¶\n    X:\n      type: object\n", `"Job" is a number, not an object`},
		{"an empty schema", "        size:\n          type: integer\n          format: int64\n", "        size:¶\n        size2:\n          type: integer\n", `"size" has no value`},
		{"an empty parameter", "      parameters:\n        - name: regionId\n", "      parameters:\n        -¶\n        - name: regionId\n", `an item of "parameters" has no value`},
		{"an empty operation", "    get:\n      operationId: getJobResult\n", "    get:¶\n    x-get:\n      operationId: getJobResult\n", `"get" has no value`},
		{"an empty reply", "        default:\n          $ref: '#/components/responses/Gateway'\n", "        default:¶\n", `"default" has no value`},
		{"a reply without description", "        '200':\n          description: One page", "        '200':¶\n          x-description: One page", `"200" lacks "description"`},
		{"an operation without name", "    post:\n      operationId: importCIMG\n", "    post:¶\n", `"post" lacks "operationId"`},
		{"no version", "  version: 0.1.0\n", "", `"info" lacks "version"`},
		{"another OpenAPI", "openapi: 3.0.3", "openapi: 3.1.0¶", `the version of OpenAPI is "3.1.0", not 3.0`},
		{"a status in words", "        '200':\n", "        'OK':¶\n", `"OK" is no HTTP status`},
		{"a path with a loose brace", "  /dicloud/i/result:", "  /dicloud/{i/result:¶", "do not match"},
		{"paths that are elsewhere", "paths:\n", "paths:\n  $ref: '#/components/callbacks/C'¶\n", `"$ref" is text, not an object`},
		{"a component that is no reply", "    Gateway:\n", "    x-gateway: 7¶\n    Gateway:\n", `"x-gateway" is a number, not an object`},

		// $refs.
		{"a dangling $ref", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: '#/components/schemas/Creat'¶", "leads nowhere"},
		{"a $ref to elsewhere", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: 'other.yaml#/Create'¶", "leads out of this file"},
		{"a $ref that is a comment", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: #/components/schemas/CreateCIMGRequest¶", "$ref is empty; what begins with # must be put in quotes"},
		{"a $ref to another kind", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: '#/components/responses/Gateway'¶", "leads to no schema"},
		{"a reply that is a schema", "        default:\n          $ref: '#/components/responses/Gateway'", "        default:\n          $ref: '#/components/schemas/Job'¶", "leads to no response"},
		{"a $ref to another kind by another", "        - name: regionId\n          in: query\n          required: true\n          description: The region the jobs run in.\n          schema:\n            $ref: '#/components/schemas/RegionId'\n          example: gz\n", "        - $ref: '#/components/schemas/CreateCIMGRequest/properties/regionId'¶\n", "leads to no parameter"},
		{"a $ref with a sign", "    CIMG:\n", "    One:\n      allOf: [{type: object}, {$ref: '#/components/schemas/One/allOf/+0'}]¶\n    CIMG:\n", "leads nowhere"},
		{"a $ref to the file", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: '#'¶", `"#" must begin with #/`},
		{"a $ref to itself", "    CIMG:\n", "    Self:\n      $ref: '#/components/schemas/Self'¶\n    CIMG:\n", "leads back to itself"},
		{"a schema within itself", "    CIMG:\n", "    Self:\n      allOf:¶\n        - oneOf: [$ref: '#/components/schemas/Self']\n    CIMG:\n", "the schema is a part of itself"},
		{"a schema that is not itself", "    CIMG:\n", "    Self:\n      type: object¶\n      not: {$ref: '#/components/schemas/Self'}\n      example: {}\n    CIMG:\n", "the schema is a part of itself"},
		{"a schema that is only within itself", "    CIMG:\n", "    Self:\n      properties:¶\n        x: {$ref: '#/components/schemas/Self'}\n      example: {x: {}}\n    CIMG:\n", "the schema is within itself: give it a type"},
		{"a dictionary of itself", "    CIMG:\n", "    Self:\n      description: a¶\n      additionalProperties: {properties: {x: {items: {$ref: '#/components/schemas/Self'}}}}\n      properties: {y: {type: string}}\n      default: {}\n    CIMG:\n", "the schema is within itself: give it a type"},

		// Sense.
		{"a parameter with schema and content", "          example: gz\n", "          example: gz\n          content: {text/plain: {}}¶\n", `"content" cannot stand beside "schema"`},
		{"example beside examples", "          example: gz\n", "          example: gz\n          examples: {}¶\n", `"examples" cannot stand beside "example"`},
		{"a required name that is no property", "required: [name, snapUuid]", "required: [name, snapUuids]¶", `required names "snapUuids", which is no property`},
		{"an unknown type", "      type: string\n      minLength: 1\n      pattern", "      type: strng¶\n      minLength: 1\n      pattern", `unsupported 'type' value "strng"`},
		{"a bad pattern", "    Uuid:\n      type: string\n      minLength: 1\n      pattern: '^[^,]+$'", "    Uuid:\n      type: string\n      minLength: 1\n      pattern: '^[^,+$'¶", "missing closing ]"},
		{"a pattern without type", "          maximum: 100\n", "          maximum: 100\n          pattern: '('¶\n", "missing closing )"},
		{"a lookahead", "    Uuid:\n      type: string\n      minLength: 1\n      pattern: '^[^,]+$'", "    Uuid:\n      type: string\n      minLength: 1\n      pattern: '^(?!,)$'¶", "(Go's regular expressions have no lookahead and no lookbehind)"},
		{"a multiple of nothing", "          maximum: 100\n", "          maximum: 100\n          multipleOf: 0¶\n", `"multipleOf" is a number, not a number above 0`},
		{"a default that is none of the values", "  - url: https://open.didiyunapi.com\n", "  - url: https://{host}\n    variables: {host: {enum: [a, b], default: c}}¶\n", `the default "c" is not in the enum`},
		{"values without a default", "  - url: https://open.didiyunapi.com\n", "  - url: https://{host}\n    variables: {host: {enum: [a, b]}}¶\n", `"host" lacks "default"`},
		{"a mapping to no schema", "    CIMG:\n", "    Any:\n      oneOf: [$ref: '#/components/schemas/CIMG']\n      discriminator: {propertyName: a, mapping: {b: '#/components/schemas/Zilch'}}¶\n    CIMG:\n", `the mapping "#/components/schemas/Zilch" leads nowhere`},
		{"a mapping to no name", "    CIMG:\n", "    Any:\n      oneOf: [$ref: '#/components/schemas/CIMG']\n      discriminator: {propertyName: a, mapping: {b: Zilch}}¶\n    CIMG:\n", `the mapping "#/components/schemas/Zilch" leads nowhere`},
		{"a link to no operation", "    Gateway:\n", "    Linked: {description: a, links: {b: {operationId: zz}}}¶\n    Gateway:\n", `no operation has the operationId "zz"`},
		{"a link to nowhere", "    Gateway:\n", "    Linked: {description: a, links: {b: {operationRef: '#/paths/~1a/get'}}}¶\n    Gateway:\n", `operationRef "#/paths/~1a/get" leads nowhere`},
		{"an operationId twice", "    post:\n      operationId: importCIMG", "    post:\n      operationId: createCIMG¶", `the same operation id "createCIMG"`},
		{"a parameter nowhere", "          in: query\n", "          in: qury¶\n", `can't have 'in' value "qury"`},
		{"a parameter twice", "        - name: jobUuids\n", "        - name: regionId¶\n", "more than one"},
		{"an unknown style", "          style: form\n", "          style: frm¶\n", `style="frm"`},
		{"only in requests, only in replies", "        done:\n", "        done:\n          readOnly: true¶\n          writeOnly: true\n", "both readOnly and writeOnly"},
		{"a path without slash", "  /dicloud/i/result:", "  dicloud/i/result:¶", "does not start with a forward slash"},
		{"an unknown scheme", "  - bearerAuth: []", "  - bearer: []¶", `undefined security scheme "bearer"`},
		{"an unknown scheme of an operation", "      operationId: createCIMG\n", "      operationId: createCIMG\n      security:\n        - bearerAuth: []\n        - bearer: []¶\n", `undefined security scheme "bearer"`},
		{"no title", "  title: DiDi Cloud custom images (CIMG)", "  title: ''¶", "value of title must be a non-empty string"},
		{"an empty version", "  version: 0.1.0", "  version: ''¶", "value of version must be a non-empty string"},
		{"a license without name", "    name: Apache-2.0", "    name: ''¶", "value of license name must be a non-empty string"},
		{"no address", "  url: https://docs.didiyun.com/", "  url: ''¶", "url is required"},
		{"no address of an operation's page", "        url: https://docs.didiyun.com/", "        url: ''¶ # ", "url is required"},
		{"a server without address", "  - url: https://open.didiyunapi.com", "  - url: ''¶", "value of url must be a non-empty string"},
		{"a wrong example", "          - done: false\n            jobUuid: 3fd3", "          - done: soon¶\n            jobUuid: 3fd3", `"/data/0/done": value must be a boolean`},
		{"an example that lacks something", "        requestId: 0a59221f5fa0daae2e3b3230033d4602\n", "", `property "requestId" is missing`},
		{"a wrong example of a parameter", "          example: gz\n", "          example: ''¶\n", "invalid example: minimum string length is 1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			text, line := breakContract(t, row.old, row.broken)
			_, err := contract.Load("openapi.yaml", []byte(text))
			require.ErrorContains(t, err, row.reason)
			var problem *contract.Problem
			require.ErrorAs(t, err, &problem)
			require.Positive(t, problem.Line, err)
			require.NotContains(t, problem.Reason, "\n")
			if line > 0 {
				require.Equal(t, line, problem.Line, err)
			}
		})
	}
}

// breakContract edits the contract and returns the line that ¶ stands in, 0 if
// it does not.
func breakContract(t *testing.T, old, broken string) (text string, line int) {
	t.Helper()
	require.Positive(t, strings.Count(string(cimg.Spec), old), "the contract has no %q any more", old)
	text = strings.Replace(string(cimg.Spec), old, broken, 1)
	before, after, marked := strings.Cut(text, "¶")
	if !marked {
		return text, 0
	}
	return before + after, strings.Count(before, "\n") + 1
}

func TestWhatIsNoContract(t *testing.T) {
	for text, reason := range map[string]string{
		"":              "openapi.yaml:1: the file is empty",
		"---\n":         "openapi.yaml:1: the file is empty",
		"null\n":        "openapi.yaml:1: the document is not an object",
		"# nothing\n":   "openapi.yaml:1: the file is empty",
		"- a":           "openapi.yaml:1: the document is not an object",
		"\n<html>":      "openapi.yaml:2: the document is not an object",
		"\x00":          "openapi.yaml:1: the control character U+0000 is not allowed",
		"\xff\xfeo\x00": "openapi.yaml:1: the byte 0xff is not UTF-8",
		"a: b\nc:\n  d: e\n  f:\n    g: h\n   i: j\n": "openapi.yaml:6: did not find expected key (in the block that begins in line 3)",
		// Beginnings that end within a value that is right are no guide.
		"a: \"b\n  c\n  d\n  e\n  f\n  g\"\nh: \"i\n":                "openapi.yaml:7: found unexpected end of stream",
		"a: [b,\n  c,\n  d,\n  e,\n  f,\n  g]\nh: [i\nj: k\n":        "openapi.yaml:7: did not find expected ',' or ']'",
		"a: {b: c,\n  d: e,\n  f: g,\n  h: {},\n  i: j}\nk: {l: m\n": "openapi.yaml:6: did not find expected ',' or '}'",
		"\"a\nb: c\n\nd: e\n\n\n":                                    "openapi.yaml:1: found unexpected end of stream",
		"openapi: 3.0.3\n":                                           "openapi.yaml:1: the document lacks \"info\"\nopenapi.yaml:1: the document lacks \"paths\"",
		"swagger: '2.0'\n": "openapi.yaml:1: OpenAPI 3.0 has no member \"swagger\" here\nopenapi.yaml:1: the document lacks \"info\"\n" +
			"openapi.yaml:1: the document lacks \"openapi\"\nopenapi.yaml:1: the document lacks \"paths\"",
	} {
		_, err := contract.Load("openapi.yaml", []byte(text))
		require.EqualError(t, err, reason)
	}
}

// What looks odd and is allowed.
func TestWhatIsAContract(t *testing.T) {
	edit := func(old, new string) string {
		text, _ := breakContract(t, old, new)
		return text
	}
	for name, text := range map[string]string{
		"a byte order mark":                "\ufeff" + string(cimg.Spec),
		"lines of Windows":                 strings.ReplaceAll(string(cimg.Spec), "\n", "\r\n"),
		"a status without quotes":          strings.ReplaceAll(string(cimg.Spec), "'200'", "200"),
		"extensions":                       edit("info:\n", "x-a: [null, {b: }]\ninfo:\n  x-c:\n"),
		"examples with nulls and $refs":    edit("            examples:\n              one:\n", "            examples:\n              odd: {value: {regionId: gz, cimg: [{name: a, snapUuid: b, c: null, $ref: d}]}}\n              one:\n"),
		"a schema whose member is its own": edit("    CIMG:\n      type: object\n      description: |\n", "    Tree: {type: object, properties: {left: {$ref: '#/components/schemas/Tree'}, all: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}\n    CIMG:\n      type: object\n      description: |\n"),
		"a tree without a type":            edit("    CIMG:\n", "    Tree: {properties: {left: {$ref: '#/components/schemas/Tree'}, name: {type: string}}, example: {left: {name: a}}}\n    CIMG:\n"),
		"a list of itself":                 edit("    CIMG:\n", "    Tree: {items: {anyOf: [{type: string}, {$ref: '#/components/schemas/Tree'}]}, example: [[a]]}\n    CIMG:\n"),
		"expressions for callbacks":        edit("      operationId: createCIMG\n", "      operationId: createCIMG\n      callbacks: {done: {'{$request.body#/url}': {x-a: 1}, 'http://a?b={$request.body#/b}': {}, x-c: 2}}\n"),
		"a component with an odd name":     edit("    Gateway:\n", "    Gate: {$ref: '#/components/responses/x-gate'}\n    x-gate: {description: a}\n    Gateway:\n"),
		"required by allOf":                edit("    CIMG:\n", "    Named: {type: object, required: [name], properties: {id: {type: string}}}\n    Both: {allOf: [{$ref: '#/components/schemas/Named'}, {properties: {name: {type: string}}}]}\n    CIMG:\n"),
		"required and of any name":         edit("    CIMG:\n", "    Named: {type: object, required: [name], properties: {id: {type: string}}, additionalProperties: {type: string}}\n    CIMG:\n"),
		"required alone":                   edit("    CIMG:\n", "    Named: {type: object, required: [name]}\n    CIMG:\n"),
		"mappings":                         edit("    CIMG:\n", "    Any: {oneOf: [$ref: '#/components/schemas/CIMG'], discriminator: {propertyName: name, mapping: {a: CIMG, b: '#/components/schemas/CIMG'}}}\n    CIMG:\n"),
		"links":                            edit("    Gateway:\n", "    Linked: {description: a, links: {b: {operationId: createCIMG}, c: {operationRef: '#/paths/~1dicloud~1i~1result/get'}}}\n    Gateway:\n"),
		"a pattern of code points":         edit("          maximum: 100\n", "          maximum: 100\n          pattern: '\\u4E00'\n"),
		"members with odd names":           edit("        size:\n", "        $ref: {type: string}\n        x-y: {type: string}\n        size:\n"),
		"a $ref through a path":            edit("$ref: '#/components/schemas/RegionId'\n          example: gz", "$ref: '#/components/schemas/List%43IMGRequest/properties/start'\n          example: 1"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := contract.Load("openapi.yaml", []byte(text))
			require.NoError(t, err)
		})
	}
}

// A mistake in what many use is told once, and all mistakes are told at once.
func TestEveryProblemIsToldOnce(t *testing.T) {
	edit := strings.NewReplacer("        progress:\n          type: number\n", "        progress:\n          type: numbr\n", "scheme: bearer", "scheme: ''")
	_, err := contract.Load("openapi.yaml", []byte(edit.Replace(string(cimg.Spec))))
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 2, err)
	for _, line := range lines {
		require.Regexp(t, `^openapi\.yaml:\d+: \S`, line)
	}
}

// `make generate` runs this before the generator.
func TestValidateCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.yaml")
	broken := strings.Replace(string(cimg.Spec), "      type: string\n", "      type: strng\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(broken), 0o600))

	out, err := exec.CommandContext(t.Context(), "go", "run", "./validate", file).CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `^\S+broken\.yaml:\d+: unsupported 'type' value "strng"\nexit status 1\n$`, string(out))

	out, err = exec.CommandContext(t.Context(), "go", "run", "./validate", "../../openapi.yaml").CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, out)
}
