import assert from 'node:assert/strict'
import { dashboardFiles } from '../../src/dashboards/files.js'
import { readText } from '../monitoring/files.js'
import { asSent, labelQuery, metricsOf, readDashboards } from '../monitoring/panels.js'

describe('the dashboards', () => {
  const dashboards = readDashboards()

  for (const [name, text] of Object.entries(dashboardFiles())) {
    it(`${name} says what its description says: \`npm run dashboards\` writes it`, () => {
      assert.equal(readText(name), text)
    })
  }

  it('are five, each with an address of its own that stays', () => {
    assert.deepEqual(dashboards.map(({ uid, title }) => `${uid}: ${title}`).sort(), [
      'votestream-live-viewers: Live viewers',
      'votestream-one-event: One event',
      'votestream-pipeline: Pipeline',
      'votestream-service-levels: Service levels',
      'votestream-stores: Stores',
    ])
  })

  it('have no panel without a query and a sentence that says what is good, and none over another', () => {
    for (const { title, panels } of dashboards) {
      const taken = new Set<string>()
      for (const { type, title: panel, description, targets, gridPos } of panels) {
        const name = `${title}, ${panel}`
        if (type !== 'row') {
          assert.ok(description && description.length > 10, name)
          assert.ok(targets && targets.length > 0, name)
        }
        assert.ok(gridPos.x + gridPos.w <= 24, name)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.ok(!taken.has(`${x} ${y}`), `${name} lies over another`)
            taken.add(`${x} ${y}`)
          }
        }
      }
    }
  })

  it('know every variable that they use, and use every variable that they know', () => {
    for (const { title, panels, templating } of dashboards) {
      const variables = templating.list.filter(({ type }) => type === 'query')
      const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
      for (const expression of expressions) asSent(expression, variables, {})
      for (const variable of variables) {
        labelQuery(variable)
        assert.ok(
          expressions.some((expression) => expression.includes(`$${variable.name}`)),
          `${title}: ${variable.name}`,
        )
      }
    }
  })
})

describe('an expression of a panel', () => {
  it('is sent with what stands for all, with the chosen value in quotes, and with four scrapes for a rate', () => {
    const variables = [
      { name: 'shard', type: 'query', multi: true, allValue: '.*' },
      { name: 'event', type: 'query', multi: false },
    ] as const
    assert.equal(
      asSent('rate(a{shard=~"$shard", event="$event"}[$__rate_interval])', variables, { event: 'a"b' }),
      'rate(a{shard=~".*", event="a\\"b"}[4s])',
    )
    assert.throws(() => asSent('a{b="$c"}', variables, {}), /unknown variable/)
  })

  it('names the metrics that it reads, and not what rules record, nor labels', () => {
    assert.deepEqual(
      metricsOf(
        'sum by (le) (rate(votestream_a_bucket{x="votestream_b"}[1m])) / votestream:c:rate5m + process_d',
      ),
      ['votestream_a_bucket', 'process_d'],
    )
  })
})
