/**
 * `npm test`: brings what the tests need, runs them, and ends with `N passed, N failed, N skipped`. Arguments go to Jest (`npm test -- packages/core`).
 * Every skipped test is named with its reason; a tool that set-up should have brought fails the run.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setUp } from './set-up.ts'

interface JestResults {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly numRuntimeErrorTestSuites: number
  readonly testResults: readonly { readonly name: string; readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[] }[]
}

const directory = mkdtempSync(join(tmpdir(), 'weft-test-'))
try {
  await runTests(join(directory, 'results.json'))
} catch (error) {
  // set-up that failed, or a test runner that ended without results: the last line says so too
  console.error(error)
  console.log('0 passed, 1 failed, 0 skipped')
  process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function runTests(resultsFile: string): Promise<void> {
  const env = { ...process.env, ...(await setUp((line) => console.log(line))) }
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', '--json', `--outputFile=${resultsFile}`]
  const { status } = spawnSync(process.execPath, [...jest, ...process.argv.slice(2)], { stdio: ['ignore', 'ignore', 'inherit'], env })
  report(JSON.parse(readFileSync(resultsFile, 'utf8')) as JestResults, status ?? 1)
}

function report(results: JestResults, status: number): void {
  for (const file of results.testResults) {
    for (const test of file.assertionResults) if (test.status === 'pending' || test.status === 'todo') console.log(`skipped: ${test.fullName}`)
  }
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
  console.log(`${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests + results.numTodoTests} skipped`)
  process.exitCode = failed > 0 || status !== 0 ? 1 : 0
}
