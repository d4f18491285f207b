/** What npm said, in the few lines that matter, and what to do. */
export interface NpmFailure {
  readonly reason: string
  readonly help: string
}

const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/\bE404\b/, 'check the name of the package; if it is private, put its registry into .npmrc beside package.json'],
  [/\bETARGET\b|\bENOVERSIONS\b/, 'correct the version in package.json to one that exists'],
  [/\bE40[13]\b|\bENEEDAUTH\b/, 'put valid credentials for the registry into .npmrc (of the source, or your own)'],
  [
    /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH)\b/,
    'the registry cannot be reached: check the network, the proxy variables and the registry in .npmrc',
  ],
  [/\bEUSAGE\b|can only install packages when your package\.json and package-lock\.json/, 'bring the lock file up to date with: npm install'],
  [/\bERESOLVE\b/, 'correct the conflicting versions, or put legacy-peer-deps=true into .npmrc beside package.json'],
  [/\bEINTEGRITY\b/, 'the package is not what the lock file says: delete the lock file, run npm install and look at the difference'],
  [/\bEBADENGINE\b/, 'the package needs another Node.js than Weft has (24)'],
  [/\bEJSONPARSE\b/, 'correct package.json'],
]

const NOISE =
  /^(?:A complete log of this run|Note that you can also install|tarball, folder, http url|This is a problem related to network|In most cases you are behind|For a full report see|Run "npm help|aliases:|Options:|Usage:|$)|^\s*at |\.log$|^Log files were not written/

/**
 * Condenses npm's output.
 * @param machinePaths paths of the build machine that are cut out
 */
export function condenseNpmError(output: string, machinePaths: readonly string[]): NpmFailure {
  let text = output
  for (const path of machinePaths) text = text.replaceAll(`${path}/`, '').replaceAll(path, '.')
  const lines = text
    .split('\n')
    .filter((line) => !/^npm (?:warn|WARN|notice)/.test(line))
    .map((line) =>
      line
        .replace(/^npm (?:error|ERR!) ?/, '')
        .replace(/^(?:404|notarget|code|syscall|errno|network|ERESOLVE)(?: +|$)/, '')
        .trim(),
    )
    .filter((line) => !NOISE.test(line))
  const help = CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? 'try the same in the source directory with: npm install'
  return { reason: [...new Set(lines)].slice(0, 12).join('\n') || 'npm failed without a word', help }
}
