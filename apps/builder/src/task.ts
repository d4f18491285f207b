import type { BuildRequest } from '@weft/artifacts/build'
import type { BuildLimits } from './limits.ts'
import type { NpmSettings } from './node/npm.ts'
import type { RuntimeChoice } from './runtimes.ts'
import type { StagedSource } from './source/stage.ts'

/** Tells a person what happens. */
export type Tell = (step: string, text: string) => void

/** A program that becomes an artifact. */
export interface ProgramBuild {
  readonly source: StagedSource
  readonly request: BuildRequest
  readonly runtime: RuntimeChoice
  /** Empty directory for the artifact's files. */
  readonly output: string
  readonly progress: Tell
}

/** A handler that becomes an artifact. */
export interface NodeBuild extends ProgramBuild {
  readonly limits: BuildLimits
  readonly npm: NpmSettings
  /** Empty directory for HOME and the like. */
  readonly scratch: string
}
