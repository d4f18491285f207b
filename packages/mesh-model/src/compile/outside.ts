import { SYSTEM_NAMESPACE } from '@weft/core'
import { failure } from '../read/finding.ts'
import type { FunctionModel, RevisionModel } from '../read/models.ts'
import type { JwtRule } from '../authentication.ts'
import type { PolicyRule, RequestPrincipalMatch, ResourceFinding, SourceMatch, StringMatch } from '../snapshot.ts'

/** Service account of the ingress, which stands for everybody outside. */
const INGRESS_ACCOUNT = 'ingress'
const anything: StringMatch = { kind: 'present' }
const anyToken: RequestPrincipalMatch = { issuer: anything, subject: anything }

/**
 * Rules that a function itself sets for calls from outside, to be denied by: a private one takes none, whatever route leads to it; one that wants tokens takes none
 * without, of the ingress and of callers that nobody has verified.
 */
export function outsideRules(fn: FunctionModel | undefined, trustDomain: string): readonly PolicyRule[] {
  if (fn === undefined) return []
  const ingress: StringMatch = { kind: 'exact', value: `${trustDomain}/ns/${SYSTEM_NAMESPACE}/sa/${INGRESS_ACCOUNT}` }
  const withoutToken: SourceMatch = { notRequestPrincipals: [anyToken] }
  const denied: readonly (readonly SourceMatch[])[] = [
    ...(fn.isPrivate ? [[{ principals: [ingress] }]] : []),
    ...(fn.needsToken
      ? [
          [
            { principals: [ingress], ...withoutToken },
            { notPrincipals: [anything], ...withoutToken },
          ],
        ]
      : []),
  ]
  return denied.map((sources, index) => ({ policy: fn.ref, index, sources, operations: [] }))
}

/** Says when tokens are wanted and nothing verifies any: no call from outside can pass then. */
export function outsideFindings(fn: FunctionModel | undefined, revision: RevisionModel, verified: readonly JwtRule[]): readonly ResourceFinding[] {
  if (fn?.needsToken !== true || verified.length > 0) return []
  const message = `calls from outside need a token, and no RequestAuthentication selects the revision ${revision.revision}: all of them are refused`
  return [failure(fn.ref, 'TokensNotVerified', message)]
}
