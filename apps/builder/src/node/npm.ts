/** How npm is called. */
export interface NpmSettings {
  /** npm's cache, shared by builds. */
  readonly cacheDirectory: string
  /** The user's own npm configuration (registry, credentials); absent: none. */
  readonly userConfig?: string
  /** Environment for npm: proxies, registry; never the platform's own. */
  readonly env: Readonly<Record<string, string>>
}
