import type { ArtifactManifest } from './port.ts'

/** Source code to be built. */
export type BuildSource =
  | { readonly kind: 'directory'; readonly path: string }
  /** A file or archive; its type is told by name and content (zip, tar, tar.gz, tar.bz2, tar.xz, or one source file). */
  | { readonly kind: 'file'; readonly path: string; readonly name: string }
  /** File name → text. */
  | { readonly kind: 'inline'; readonly files: Readonly<Record<string, string>> }

/** What to build and how. */
export interface BuildRequest {
  readonly name: string
  readonly source: BuildSource
  /** `node22`, `nodejs14`, `process`, … (docs/guide/runtimes.md). */
  readonly runtime: string
  readonly contract?: 'openfaas' | 'kubeless' | 'node-http' | 'fetch' | 'cloudevent' | 'grpc' | 'process'
  /** `file.export` or `export`; with a single file only the export part counts. */
  readonly handler?: string
  /** Text of a package.json when the source has none. */
  readonly dependencies?: string
  readonly process?: string
  readonly env?: Readonly<Record<string, string>>
  readonly buildArgs?: Readonly<Record<string, string>>
  /** Run the install scripts of dependencies. */
  readonly allowScripts?: boolean
  /** Reference (`image`) to record. */
  readonly reference?: string
}

/** Told of progress, one line each. */
export interface BuildProgress {
  (line: { readonly step: string; readonly text: string }): void
}

/** Builds artifacts. */
export interface SourceBuilder {
  /**
   * Same input, same digest, and no work when it is there already.
   * @throws WeftError `BUILD_FAILED` (with file, line and code frame), `SOURCE_REFUSED`, `UNKNOWN_RUNTIME`
   */
  build(request: BuildRequest, progress?: BuildProgress, signal?: AbortSignal): Promise<ArtifactManifest>
  close(): Promise<void>
}

/** Finds what an image reference stands for. */
export interface ImageResolver {
  /**
   * The artifact store first, then the image catalogue (programs of this machine).
   * @param name of the function, for the message
   * @throws WeftError `IMAGE_NOT_FOUND` (says how to build it), `PROGRAM_NOT_FOUND`
   */
  resolveImage(reference: string, name: string): Promise<ArtifactManifest>
}
