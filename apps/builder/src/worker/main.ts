import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { version as esbuildVersion } from 'esbuild'
import { WeftError } from '@weft/core'
import { chooseRuntime } from '../runtimes.ts'
import { stageSource } from '../source/stage.ts'
import { inputDigest } from './input-digest.ts'
import type { BuildOrder, FromWorker, ToWorker } from './protocol.ts'
import { buildFor } from './steps.ts'

/** The build process: takes one order, builds it, says how it went, and ends. */
const say = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve())
  })

const proceed = Promise.withResolvers<void>()

process.on('message', (message: ToWorker) => {
  if (message.type === 'proceed') proceed.resolve()
  else void run(message)
})
// Without its parent nobody wants the result.
process.on('disconnect', () => process.exit(1))

async function run(order: BuildOrder): Promise<void> {
  try {
    await say({ type: 'done', artifact: await work(order) })
  } catch (error) {
    await say(
      error instanceof WeftError
        ? { type: 'failed', code: error.code, fields: error.fields }
        : { type: 'crashed', message: String((error as Error | undefined)?.stack ?? error) },
    )
  }
  process.exit(0)
}

async function work({ request, workDirectory, limits, npm }: BuildOrder) {
  const runtime = chooseRuntime(request.runtime, request.contract)
  const [stage, output, scratch] = ['source', 'output', 'scratch'].map((name) => join(workDirectory, name)) as [string, string, string]
  for (const directory of [stage, output, scratch]) await mkdir(directory)
  const source = await stageSource(request.source, stage, limits)
  await say({ type: 'staged', inputDigest: await inputDigest(source, request, [esbuildVersion]) })
  await proceed.promise
  const progress = (step: string, text: string) => void say({ type: 'progress', step, text })
  return buildFor({ source, request, runtime, output, scratch, limits, npm, progress })
}
