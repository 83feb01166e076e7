package contract

import "strings"

// grammar is what OpenAPI 3.0.3 lets an object have: of each kind of object the
// members, and what they are. [kind] is an array of them, {kind} an object whose
// members may have any name, "|" means or, "!" that the member must be there, "*"
// any name but an extension's; "any" is a value of the API's, "count" a whole
// number from 0, "positive" a number above 0.
//
// It is stricter in some things: an operation must have an operationId, for
// generators name after it what they make; references must lead into this file,
// and not into an extension; and YAML must be what every tool reads alike. See
// also [checker.checkRequired].
const grammar = `
document       openapi:text! info:info! servers:[server] paths:paths! components:components security:[{[text]}] tags:[tag] externalDocs:docs
info           title:text! description:text termsOfService:text contact:contact license:license version:text!
contact        name:text url:text email:text
license        name:text! url:text
server         url:text! description:text variables:{variable}
variable       enum:[text] default:text! description:text
components     schemas:{schema} responses:{response} parameters:{parameter} examples:{example} requestBodies:{requestBody}
components     headers:{header} securitySchemes:{securityScheme} links:{link} callbacks:{callback}
paths          *:path
path           summary:text description:text servers:[server] parameters:[parameter]
path           get:operation put:operation post:operation delete:operation options:operation head:operation patch:operation trace:operation
operation      tags:[text] summary:text description:text externalDocs:docs operationId:text! parameters:[parameter] requestBody:requestBody
operation      responses:responses! callbacks:{callback} deprecated:bool security:[{[text]}] servers:[server]
docs           description:text url:text!
parameter      name:text! in:text! description:text required:bool deprecated:bool allowEmptyValue:bool style:text explode:bool
parameter      allowReserved:bool schema:schema example:any examples:{example} content:{media}
requestBody    description:text content:{media}! required:bool
media          schema:schema example:any examples:{example} encoding:{encoding}
encoding       contentType:text headers:{header} style:text explode:bool allowReserved:bool
responses      *:response
callback       *:path
response       description:text! headers:{header} content:{media} links:{link}
example        summary:text description:text value:any externalValue:text
link           operationRef:text operationId:text parameters:{any} requestBody:any description:text server:server
header         description:text required:bool deprecated:bool allowEmptyValue:bool style:text explode:bool
header         allowReserved:bool schema:schema example:any examples:{example} content:{media}
tag            name:text! description:text externalDocs:docs
schema         title:text multipleOf:positive maximum:number exclusiveMaximum:bool minimum:number exclusiveMinimum:bool
schema         maxLength:count minLength:count pattern:text maxItems:count minItems:count uniqueItems:bool maxProperties:count minProperties:count
schema         required:[text] enum:[any] type:text allOf:[schema] oneOf:[schema] anyOf:[schema] not:schema items:schema properties:{schema}
schema         additionalProperties:schema|bool description:text format:text default:any nullable:bool discriminator:discriminator
schema         readOnly:bool writeOnly:bool xml:xml externalDocs:docs example:any deprecated:bool
discriminator  propertyName:text! mapping:{text}
xml            name:text namespace:text prefix:text attribute:bool wrapped:bool
securityScheme type:text! description:text name:text in:text scheme:text bearerFormat:text flows:flows openIdConnectUrl:text
flows          implicit:flow password:flow clientCredentials:flow authorizationCode:flow
flow           authorizationUrl:text tokenUrl:text refreshUrl:text scopes:{text}!
`

// referable are the kinds of objects in whose place a $ref may stand.
var referable = map[string]bool{
	"schema": true, "response": true, "parameter": true, "example": true, "requestBody": true, "header": true,
	"securityScheme": true, "link": true, "callback": true, "path": true,
}

// kinds are those of the grammar.
var kinds = func() map[string]map[string]string {
	all := make(map[string]map[string]string)
	for line := range strings.Lines(grammar) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if all[words[0]] == nil {
			all[words[0]] = make(map[string]string)
		}
		for _, member := range words[1:] {
			name, kind, _ := strings.Cut(member, ":")
			all[words[0]][name] = kind
		}
	}
	return all
}()
