import { describe, expect, it } from '@jest/globals'
import type { MeshWorkload } from '@weft/mesh-model'
import { invocations, parseSamples } from './prometheus.ts'

const TEXT = `# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="fn/default/temp-v1"} 5
envoy_cluster_upstream_rq{envoy_response_code="503",envoy_cluster_name="fn/default/temp-v1"} 1
envoy_cluster_upstream_rq_total{envoy_cluster_name="fn/default/temp-v1"} 7
envoy_cluster_upstream_rq_total{envoy_cluster_name="other"} 9
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="fn/default/temp-v1",le="0.5"} 2
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="fn/default/temp-v1",le="1000"} 6
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="fn/default/temp-v1",le="+Inf"} 6
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="fn/default/temp-v1"} 1250
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="fn/default/temp-v1"} 6
`

describe("Envoy's numbers", () => {
  it('become invocations by function and revision, in seconds', () => {
    const workload = { function: 'temp', revision: 'v1' } as MeshWorkload
    expect(invocations(parseSamples(TEXT), (key) => (key === 'default/temp-v1' ? workload : undefined))).toEqual([
      {
        function: { namespace: 'default', name: 'temp' },
        revision: 'v1',
        byCode: { 200: 5, 503: 1 },
        started: 7,
        durationBuckets: [
          { le: 0.0005, count: 2 },
          { le: 1, count: 6 },
          { le: Number.POSITIVE_INFINITY, count: 6 },
        ],
        durationSumSeconds: 1.25,
        durationCount: 6,
      },
    ])
  })

  it('of a workload that is gone keep its name', () => {
    expect(invocations(parseSamples(TEXT), () => undefined)[0]).toMatchObject({ function: { namespace: 'default', name: 'temp-v1' }, revision: '' })
  })

  it('are read with escaped labels, and without what is no sample', () => {
    expect(parseSamples('a{b="c\\"d\\\\e\\nf"} 1\n# c\n\nnonsense\nd 2.5')).toEqual([
      { name: 'a', labels: { b: 'c"d\\e\nf' }, value: 1 },
      { name: 'd', labels: {}, value: 2.5 },
    ])
  })
})
