import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { parse } from 'yaml'

const read = (name: string): string => readFileSync(join(repositoryRoot(), 'infra', name), 'utf8')

describe('what ships the logs', () => {
  it('to Elasticsearch reads lines of JSON, and writes to the stream that the template and the policy are for', () => {
    const filebeat = parse(read('elastic/filebeat.yml'))
    const [input] = filebeat['filebeat.inputs']
    assert.deepEqual(input.parsers, [
      { ndjson: { target: '', overwrite_keys: true, expand_keys: true, add_error_key: true } },
    ])
    const template = JSON.parse(read('elastic/index-template.json'))
    const { index } = filebeat['output.elasticsearch']
    assert.ok(template.index_patterns.some((pattern: string) => index.startsWith(pattern.replace('*', ''))))
    assert.ok('data_stream' in template)
    const { policy } = JSON.parse(read('elastic/ilm-policy.json'))
    assert.ok(policy.phases.delete.min_age)
    const policyName = template.template.settings['index.lifecycle.name']
    assert.ok(read('elastic/README.md').includes(`_ilm/policy/${policyName} `))
  })

  it('to Loki reads the same files, and makes labels of services and levels alone', () => {
    const alloy = read('loki/alloy.alloy')
    const labels = /stage\.labels \{\s*values = \{ (.*) \}/.exec(alloy)?.[1]
    assert.equal(labels, 'service_name = "service", level = "level"')
    const paths = [...alloy.matchAll(/%s\/([a-z]+\*\.log)/g)].map(([, name]) => name)
    const [input] = parse(read('elastic/filebeat.yml'))['filebeat.inputs']
    assert.deepEqual(
      input.paths.map((path: string) => path.replace(/^.*\//, '')),
      paths,
    )
    for (const [open, close] of ['{}', '[]', '()'])
      assert.equal(alloy.split(open ?? '').length, alloy.split(close ?? '').length, `${open}${close}`)
    const loki = parse(read('loki/loki.yaml'))
    assert.deepEqual(
      [loki.schema_config.configs[0].store, loki.schema_config.configs[0].schema],
      ['tsdb', 'v13'],
    )
    assert.equal(loki.limits_config.allow_structured_metadata, true)
  })
})
