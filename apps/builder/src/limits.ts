/** What one build may use. A limit that is reached is an error that names it. */
export interface BuildLimits {
  /** Bytes of the source after unpacking, without installed dependencies. */
  readonly unpackedBytes: number
  /** Files and directories of the source. */
  readonly files: number
  /** Unpacked bytes per packed byte of an archive; counts from the first MiB on. */
  readonly compressionRatio: number
  /** Bytes of the finished artifact. */
  readonly artifactBytes: number
  /** Milliseconds from start to artifact. */
  readonly buildTimeoutMs: number
  /** Builds that run at a time; others wait. */
  readonly concurrency: number
}

/** The limits unless the configuration says otherwise. */
export const DEFAULT_BUILD_LIMITS: BuildLimits = {
  unpackedBytes: 100 * 2 ** 20,
  files: 10_000,
  compressionRatio: 200,
  artifactBytes: 500 * 2 ** 20,
  buildTimeoutMs: 300_000,
  concurrency: 2,
}
