// Starts a program of this package under Node.js 24: in this process when it is one, else in one that the npm package `node` brings. Runs on Node.js 18 and newer.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** @param {string} program name of an entry: `main` or `kubeless` */
export async function launch(program) {
  const source = new URL(`../src/${program}.ts`, import.meta.url)
  const entry = existsSync(source) ? source : new URL(`../dist/${program}.js`, import.meta.url)
  if (Number(process.versions.node.split('.')[0]) >= NEEDED) await import(entry.href)
  else runWith(findNode(), entry)
}

function runWith(node, entry) {
  if (node === undefined) {
    console.error(
      `Error: Weft needs Node.js ${NEEDED} or newer, this is ${process.version}, and the npm package "node" that should bring it has no program\n` +
        `  run: npm rebuild node, or install Node.js ${NEEDED}`,
    )
    process.exit(1)
  }
  const child = spawn(node, [fileURLToPath(entry), ...process.argv.slice(2)], { stdio: 'inherit' })
  // a terminal tells the child itself too; it takes the same signal twice in a moment for one
  for (const signal of Object.keys(SIGNALS)) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`Error: ${node} cannot be started: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (SIGNALS[signal] ?? 9)))
}

function findNode() {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}
