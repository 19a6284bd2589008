/// <reference lib="dom" />

import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright-core'
import { openChromium } from '../../src/browser/chromium.js'
import { startTemporarySystem, type TemporarySystem } from '../../src/browser/temporary-system.js'
import { createEvent } from '../../src/demo/crowd.js'
import { skipsBrowserTests } from '../../src/environment.js'

describe('GraphiQL', function () {
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

  const fill = async (page: Page, which: 'variables' | 'headers', value: object) => {
    await page.locator(`button[data-name="${which}"]`).click()
    await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden)').first().click()
    await page.keyboard.press('Control+a')
    await page.keyboard.press('Delete')
    await page.keyboard.insertText(JSON.stringify(value))
  }
  const tab = (page: Page, title: string) =>
    page.locator(`button.graphiql-tab-button[title="${title}"]`).click()
  const run = (page: Page) => page.locator('.graphiql-execute-button').click()

  /** Waits until the answer holds a text; its lines are broken wherever the page likes. */
  const answer = async (page: Page, text: string) => {
    await page.waitForFunction(
      (wanted) => document.querySelector('.result-window')?.textContent?.replace(/\s/g, '').includes(wanted),
      text.replace(/\s/g, ''),
    )
  }

  it('its five tabs log in, list, follow a board that moves, vote and follow the vote', async () => {
    const { event } = await createEvent(system.client, system.applicationToken)
    const [voter, watcher] = [await system.makePerson(), await system.makePerson()]
    const page = await browser.newPage()
    const foreign: string[] = []
    const complaints: string[] = []
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.hostname !== '127.0.0.1' && !['data:', 'blob:'].includes(url.protocol)) foreign.push(url.href)
    })
    page.on('console', (message) => {
      if (/content.security.policy/i.test(message.text())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(`${system.base}/graphiql`)
    const headers = { Authorization: `Bearer ${voter.token}` }
    const eventId = event.event_id
    const contestantId = event.contestants[0]?.contestant_id

    await tab(page, 'LogIn')
    await fill(page, 'variables', { username: voter.username, password: voter.password })
    await run(page)
    await answer(page, `"username": "${voter.username}"`)

    await tab(page, 'Events')
    await fill(page, 'headers', headers)
    await run(page)
    await answer(page, `"id": "${eventId}"`)

    await tab(page, 'Follow')
    await fill(page, 'headers', headers)
    await fill(page, 'variables', { eventId })
    await run(page)
    await answer(page, '"totalVotes": 0')
    await system.client.call('POST', '/v1/vote/submit', {
      token: watcher.token,
      body: { user_id: watcher.userId, event_id: eventId, contestant_id: contestantId },
    })
    await answer(page, '"totalVotes": 1')

    await tab(page, 'CastVote')
    await fill(page, 'headers', headers)
    await fill(page, 'variables', { eventId, contestantId })
    const [response] = await Promise.all([
      page.waitForResponse((each) => each.url().endsWith('/graphql') && each.request().method() === 'POST'),
      run(page),
    ])
    await answer(page, '"status": "ACKED"')
    const { data } = (await response.json()) as { data: { submitVote: { id: string } } }

    await tab(page, 'FollowVote')
    await fill(page, 'headers', headers)
    await fill(page, 'variables', { voteId: data.submitVote.id })
    await run(page)
    await answer(page, '"status": "PROCESSED"')
    assert.deepEqual(foreign, [])
    assert.deepEqual(complaints, [])
  })

  it('each page of ours keeps its own policy, which lets no script in and nobody frame it', async () => {
    for (const path of ['/', '/v1/docs', '/graphiql']) {
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(error.message))
      const answer = await page.goto(system.base + path, { waitUntil: 'networkidle' })
      const policy = answer?.headers()['content-security-policy'] ?? ''
      assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/, path)
      assert.doesNotMatch(policy, /script-src[^;]*unsafe/, path)
      assert.ok(((await page.locator('body').textContent()) ?? '').length > 50, path)
      assert.deepEqual(complaints, [], path)
      await page.close()
    }
  })

  it('the documents of REST send a request and show its answer', async () => {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (/content.security.policy/i.test(message.text())) complaints.push(message.text())
    })
    await page.goto(`${system.base}/v1/docs`)
    await page.locator('#operations-accounts-login .opblock-summary-control').click()
    await page.locator('#operations-accounts-login .try-out__btn').click()
    await page.locator('#operations-accounts-login .execute').click()
    const answer = page.locator('#operations-accounts-login .live-responses-table .response-col_status')
    await answer.filter({ hasText: /\d{3}/ }).first().waitFor()
    assert.deepEqual(complaints, [])
    await page.close()
  })
})
