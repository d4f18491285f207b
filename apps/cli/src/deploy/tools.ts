import { join } from 'node:path'
import { openDirectoryArtifactStore } from '@weft/artifacts/directory'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildProgress, BuildRequest, SourceBuilder } from '@weft/artifacts/build'
import { npmEnvironment, npmUserConfig, openBuilder } from '@weft/builder'
import { PACKAGED } from '../assets.ts'
import { dataDirectory } from '../client/locate.ts'
import type { Invocation, World } from '../command.ts'
import type { Progress } from '../output/progress.ts'
import type { DeployTools } from './deploy-function.ts'
import { buildRemotely } from './remote-build.ts'

/** Builds in this process into the artifact store of the platform on this machine. */
export async function openLocalBuilder(world: World): Promise<SourceBuilder> {
  const directory = dataDirectory(world.env)
  const artifacts = await openDirectoryArtifactStore({ directory: join(directory, 'artifacts') })
  const userConfig = await npmUserConfig(world.env)
  return openBuilder({
    artifacts,
    cacheDirectory: join(directory, 'build-cache'),
    npmEnv: npmEnvironment(world.env),
    ...(PACKAGED === undefined ? {} : { workerEntry: PACKAGED.platform.buildWorker }),
    ...(userConfig === undefined ? {} : { npmUserConfig: userConfig }),
  })
}

/** What a deploy needs: a build goes into the local artifact store when the gateway is on this machine, else it is uploaded. */
export async function deployTools(invocation: Invocation, progress: Progress): Promise<DeployTools> {
  const client = await invocation.client()
  const isLocal = client.target.socketPath !== undefined
  const build = async (request: BuildRequest, told: BuildProgress): Promise<ArtifactManifest> => {
    if (!isLocal) return buildRemotely(client, request, told)
    const builder = await openLocalBuilder(invocation.world)
    try {
      return await builder.build(request, told, invocation.world.signal)
    } finally {
      await builder.close()
    }
  }
  return { client, build, progress, signal: invocation.world.signal }
}
