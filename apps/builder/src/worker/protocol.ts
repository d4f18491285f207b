import type { ArtifactInput } from '@weft/artifacts'
import type { BuildRequest } from '@weft/artifacts/build'
import type { ErrorCode, ErrorFields } from '@weft/core'
import type { BuildLimits } from '../limits.ts'
import type { NpmSettings } from '../node/npm.ts'

/** What a build process is told first. */
export interface BuildOrder {
  readonly type: 'build'
  readonly request: BuildRequest
  /** An empty directory of this build alone; the process writes nowhere else, but for npm's cache. */
  readonly workDirectory: string
  readonly limits: BuildLimits
  readonly npm: NpmSettings
}

/** What the parent says. */
export type ToWorker =
  | BuildOrder
  /** The input is new: go on. (When it is known, the parent ends the process instead.) */
  | { readonly type: 'proceed' }

/** What a build process says. */
export type FromWorker =
  /** The source is in place; the digest stands for everything that determines the result. */
  | { readonly type: 'staged'; readonly inputDigest: string }
  | { readonly type: 'progress'; readonly step: string; readonly text: string }
  | { readonly type: 'done'; readonly artifact: ArtifactInput }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly fields: ErrorFields }
  /** A bug: something else than a `WeftError` was thrown. */
  | { readonly type: 'crashed'; readonly message: string }
