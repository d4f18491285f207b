import { Type, type Static } from 'typebox'
import { closed, nonEmpty } from '../pieces.ts'
import { apiGroup, kindName, namespaceName } from './shared.ts'

/** Spec of a ReferenceGrant: who of another namespace may refer to what of this one. */
export const ReferenceGrantSpec = Type.Object(
  {
    from: nonEmpty(Type.Object({ group: apiGroup('group'), kind: kindName('kind that refers'), namespace: namespaceName('its namespace') }, closed), {
      maxItems: 16,
      description: 'who may refer',
    }),
    to: nonEmpty(
      Type.Object(
        {
          group: apiGroup('group'),
          kind: kindName('kind that is referred to'),
          name: Type.Optional(Type.String({ minLength: 1, maxLength: 253, description: 'absent: all of the kind' })),
        },
        closed,
      ),
      { maxItems: 16, description: 'what may be referred to' },
    ),
  },
  { ...closed, description: 'lets another namespace refer to things of this one' },
)
/** {@link ReferenceGrantSpec} as a type. */
export type ReferenceGrantSpec = Static<typeof ReferenceGrantSpec>
