import { join } from 'node:path'
import { openDirectoryArtifactStore } from '@weft/artifacts/directory'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildProgress, BuildRequest, SourceBuilder } from '@weft/artifacts/build'
import { npmEnvironment, npmUserConfig, openBuilder } from '@weft/builder'
import { dataDirectory } from '../client/locate.ts'
import type { Invocation, World } from '../command.ts'
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
    ...(userConfig === undefined ? {} : { npmUserConfig: userConfig }),
  })
}

/** What a deploy needs: a build goes into the local artifact store when the gateway is on this machine, else it is uploaded. */
export async function deployTools(invocation: Invocation, log: (line: string) => void): Promise<DeployTools> {
  const client = await invocation.client()
  const isLocal = client.target.socketPath !== undefined
  const build = async (request: BuildRequest, progress: BuildProgress): Promise<ArtifactManifest> => {
    if (!isLocal) return buildRemotely(client, request, progress)
    const builder = await openLocalBuilder(invocation.world)
    try {
      return await builder.build(request, progress, invocation.world.signal)
    } finally {
      await builder.close()
    }
  }
  return { client, build, log, signal: invocation.world.signal }
}
