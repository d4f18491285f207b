import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { run } from '@weft/test-harness'

/** What the figures were taken on, and how busy it was before. */
export async function machine(): Promise<Readonly<Record<string, string | number>>> {
  const version = async (command: string, args: readonly string[], pattern: RegExp) =>
    run(command, args).then(
      ({ stdout, stderr }) => pattern.exec(stdout + stderr)?.[0] ?? 'unknown',
      () => 'none',
    )
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    envoy: await version(process.env['WEFT_ENVOY'] ?? 'envoy', ['--version'], /\d+\.\d+\.\d+/),
    nginx: await version('nginx', ['-v'], /\d+\.\d+\.\d+/),
    loadBefore: loadavg()[0] ?? 0,
  }
}
