import type { Contract, ContractInput } from './contract.ts'

/** Builds the contract of the configuration. Only that one's code runs. */
export async function loadContract(input: ContractInput): Promise<Contract> {
  const name = input.config.contract
  switch (name) {
    case 'openfaas':
      return (await import('./openfaas.ts')).openfaasContract(input)
    case 'kubeless':
      return (await import('./kubeless.ts')).kubelessContract(input)
    case 'node-http':
      return (await import('./node-http.ts')).nodeHttpContract(input)
    case 'fetch':
      return (await import('./fetch.ts')).fetchContract(input)
    case 'cloudevent':
      return (await import('./cloudevent.ts')).cloudeventContract(input)
    case 'grpc':
      return (await import('./grpc.ts')).grpcContract(input)
    default:
      return name satisfies never
  }
}
