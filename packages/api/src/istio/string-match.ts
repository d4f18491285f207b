import { Type, type Static } from 'typebox'
import { closed } from '../pieces.ts'

const matchValue = { maxLength: 1024 } as const

/** How a text is compared (Istio `StringMatch`): exactly one of the three. */
export const IstioStringMatch = Type.Object(
  {
    exact: Type.Optional(Type.String({ ...matchValue, description: 'the whole text' })),
    prefix: Type.Optional(Type.String({ ...matchValue, description: 'the beginning of the text' })),
    regex: Type.Optional(Type.String({ ...matchValue, description: 'RE2 expression that the whole text must match' })),
  },
  { ...closed, minProperties: 1, maxProperties: 1, description: 'one of exact, prefix, regex' },
)
/** {@link IstioStringMatch} as a type. */
export type IstioStringMatch = Static<typeof IstioStringMatch>

/** The same for a header, where an empty object means "is there". */
export const IstioHeaderMatch = Type.Object(IstioStringMatch.properties, {
  ...closed,
  maxProperties: 1,
  description: 'one of exact, prefix, regex; {}: the header is there',
})
