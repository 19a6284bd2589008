import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { parseMetrics } from '../../src/bench/latency/service-metrics.js'
import { openChromium } from '../../src/browser/chromium.js'
import { startTemporarySystem, type TemporarySystem } from '../../src/browser/temporary-system.js'
import { createEvent } from '../../src/demo/crowd.js'
import { skipsBrowserTests } from '../../src/environment.js'
import { choose, signedIn, untilRow, voteButton } from './page-steps.js'

describe('what the live page measures of a real visitor', function () {
  this.timeout(60_000)
  let system: TemporarySystem
  let browser: Browser

  before(async function () {
    // Installing a browser may take a while; later runs find it.
    this.timeout(300_000)
    if (skipsBrowserTests()) this.skip()
    browser = await openChromium()
    system = await startTemporarySystem()
  })
  after(async () => {
    await browser?.close()
    await system?.stop()
  })

  const countOf = async (measure: string): Promise<number> => {
    const metrics = parseMetrics([await system.metricsOf('gateway')])
    return metrics.get(`votestream_rum_seconds_count{measure="${measure}"}`) ?? Number.NaN
  }

  /** A beacon's body is a Blob, which nobody reads back in time when the page ends. */
  const recordBeacons = (page: Page) =>
    page.addInitScript(() => {
      const bodies: string[] = []
      Object.assign(globalThis, {
        beaconBodies: bodies,
        Blob: class extends Blob {
          constructor(parts: string[], options: BlobPropertyBag) {
            super(parts, options)
            if (options.type === 'application/json') bodies.push(...parts)
          }
        },
      })
    })
  /** What there is is sent now, as when the page is left. */
  const sentBeacons = (page: Page) =>
    page.evaluate(() => {
      dispatchEvent(new Event('pagehide'))
      return (globalThis as unknown as { readonly beaconBodies: readonly string[] }).beaconBodies
    })

  it('is the time from the vote to its being seen, to the first board, and the web vitals', async () => {
    const { event } = await createEvent(system.client, system.applicationToken)
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (/content.security.policy/i.test(message.text())) complaints.push(message.text())
    })
    await recordBeacons(page)
    await page.goto(`${system.base}/event/${event.event_id}`)
    await page.locator('[data-connection="live"]').waitFor()
    const person = await system.makePerson()
    await signedIn(page, person)
    await choose(page, event, 2)
    await voteButton(page).click()
    await page.getByText('Your vote is counted').waitFor()
    await untilRow(page, event, 2, 1)
    // Errors that nothing catches, with words that are nobody's business.
    await page.evaluate(() => {
      setTimeout(() => {
        throw new Error('the name of a person')
      })
      void Promise.reject(new Error('the name of another one'))
    })
    const beacons = await sentBeacons(page)
    // What is final only when the page is hidden.
    await page.goto('about:blank')
    for (const measure of ['vote_to_seen', 'connect_to_first_board', 'lcp', 'fcp', 'ttfb', 'inp']) {
      while (!((await countOf(measure)) >= 1)) await pause(50)
    }
    const metrics = parseMetrics([await system.metricsOf('gateway')])
    const seconds = metrics.get('votestream_rum_seconds_sum{measure="vote_to_seen"}') ?? Number.NaN
    assert.ok(seconds > 0.005 && seconds < 20, `${seconds} s`)
    assert.equal(metrics.get('votestream_rum_layout_shift_count'), 1)
    assert.equal(metrics.get('votestream_rum_errors_total{kind="script"}'), 1)
    assert.equal(metrics.get('votestream_rum_errors_total{kind="rejection"}'), 1)
    assert.equal(metrics.get('votestream_rum_beacons_total{result="invalid"}'), 0)
    assert.equal(metrics.get('votestream_rum_beacons_total{result="foreign"}'), 0)
    assert.ok(beacons.length > 0)
    for (const beacon of beacons) {
      assert.doesNotMatch(beacon, /name/)
      for (const secret of [person.username, person.userId, event.event_id])
        assert.ok(!beacon.includes(secret))
    }
    assert.deepEqual(complaints, [])
    await page.close()
  })

  it('is nothing for a page load that is not chosen', async () => {
    const { event } = await createEvent(system.client, system.applicationToken)
    const page = await browser.newPage()
    await recordBeacons(page)
    const token = system.makeViewerToken(60)
    await page.route('**/viewer-token', (route) => route.fulfill({ json: { token, rum_ratio: 1e-9 } }))
    await page.goto(`${system.base}/event/${event.event_id}`)
    await page.locator('[data-connection="live"]').waitFor()
    assert.deepEqual(await sentBeacons(page), [])
    await page.close()
  })
})
