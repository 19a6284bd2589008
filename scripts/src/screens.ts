// `npm run screens`: pictures of the page while a crowd votes, below `.data/screens/`. The system is one of its
// own, on free ports, and goes when the pictures are taken.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { openChromium } from './browser/chromium.js'
import { type Person, startTemporarySystem, type TemporarySystem } from './browser/temporary-system.js'

interface Contestant {
  readonly contestant_id: string
}
interface MadeEvent {
  readonly event_id: string
  readonly contestants: readonly Contestant[]
}

const CONTESTANTS = [
  ['Aurora Lindqvist', 'Sings of northern lights, alone with a grand piano.'],
  ['The Copper Foxes', 'Four siblings, two drum kits and one very loud banjo.'],
  ['Mateo Rivas', 'Street dancer from Valparaíso who never repeats a step.'],
  ['Nadia & Okoro', 'Opera meets highlife, in harmony to the last row.'],
  ['Professor Zephyr', 'Illusionist; has made the jury disappear twice.'],
  ['Yuki Tanabe', 'Acrobat on the silk rope, fourteen metres up.'],
] as const
const LIKING = [16, 19, 17, 11, 5, 8]

const DAY_MS = 24 * 60 * 60 * 1_000
const VOTES_PER_SECOND = 60
const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 1050 } }
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
}

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '75' } } })
const seconds = Number(values.seconds)
const folder = join(repositoryRoot(), '.data', 'screens')
await mkdir(folder, { recursive: true })
const browser = await openChromium()
try {
  const system = await startTemporarySystem()
  try {
    await takePictures(system, browser)
  } finally {
    await system.stop()
  }
} finally {
  await browser.close()
}

async function takePictures(system: TemporarySystem, chromium: Browser): Promise<void> {
  const host = await system.makePerson('host')
  const closed = await makeEvent(system, host, 'Semi-final, first night')
  await crowd(system, closed, 400, 4)
  await system.client.call('POST', `/v1/event/${closed.event_id}/close`, { token: host.token })
  await makeScheduled(system, host)
  const open = await makeEvent(system, host, 'Summer Song Night')
  const voter = await system.makePerson('ana')
  process.stderr.write(`A crowd votes for ${seconds} s …\n`)
  const voting = crowd(system, open, seconds * VOTES_PER_SECOND, seconds)
  // Looked at from the beginning, so that the timeline is whole.
  const views = [
    { name: 'desktop-light', options: DESKTOP },
    { name: 'desktop-dark', options: { ...DESKTOP, colorScheme: 'dark' as const } },
    { name: 'phone', options: PHONE },
  ]
  const pages: { name: string; page: Page }[] = []
  for (const { name, options } of views) {
    const page = await (await chromium.newContext(options)).newPage()
    await page.goto(`${system.base}/event/${open.event_id}`)
    pages.push({ name, page })
  }
  await pause(Math.max(0, seconds - 8) * 1_000)
  const [first] = pages
  if (first) await castVote(first.page, voter)
  for (const { name, page } of pages) await picture(page, `event-${name}`)
  for (const { name, page } of pages) {
    await page.goto(system.base)
    await page.locator('.event-card').first().waitFor()
    await picture(page, `list-${name}`)
  }
  await voting
}

async function picture(page: Page, name: string): Promise<void> {
  const path = join(folder, `${name}.png`)
  await page.screenshot({ path })
  console.log(path)
}

async function castVote(page: Page, { username, password }: Person): Promise<void> {
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.getByRole('radio').nth(1).check()
  await page.getByRole('button', { name: /^Vote for/ }).click()
  await page.getByText('Your vote is counted').waitFor()
  await page.evaluate('scrollTo(0, 0)')
}

function makeEvent({ client }: TemporarySystem, host: Person, name: string): Promise<MadeEvent> {
  return client.call<MadeEvent>('POST', '/v1/event/create', {
    token: host.token,
    body: {
      user_id: host.userId,
      event_name: name,
      contestants: CONTESTANTS.map(([contestant, description], index) => ({
        contestant_name: contestant,
        contestant_description: description,
        contestant_image_url: `https://images.example.com/contestants/${index + 1}.jpg`,
      })),
    },
  })
}

async function makeScheduled({ client }: TemporarySystem, host: Person): Promise<void> {
  const opensAt = new Date(Date.now() + DAY_MS).toISOString()
  const contestants = CONTESTANTS.slice(0, 4).map(([name, description], index) => ({
    name,
    description,
    imageUrl: `https://images.example.com/contestants/${index + 1}.jpg`,
  }))
  const document = 'mutation Make($input: CreateEventInput!) { createEvent(input: $input) { id } }'
  const input = { name: 'Semi-final, second night', opensAt, contestants }
  await client.execute(document, { input }, { token: host.token })
}

/** Votes that come in waves, for contestants whose luck changes. */
async function crowd(
  system: TemporarySystem,
  event: MadeEvent,
  votes: number,
  lasting: number,
): Promise<void> {
  const voters = await system.makeVoters(votes)
  const beganMs = Date.now()
  await Promise.all(
    voters.map(async (voter, index) => {
      const part = index / votes
      const wave = part + 0.035 * Math.sin(part * 20)
      await pause(Math.max(0, wave * lasting * 1_000 - (Date.now() - beganMs)))
      await system.client.call('POST', '/v1/vote/submit', {
        token: voter.token,
        body: {
          user_id: voter.userId,
          event_id: event.event_id,
          contestant_id: favourite(event, part).contestant_id,
        },
      })
    }),
  )
}

function favourite({ contestants }: MadeEvent, part: number): Contestant {
  const liking = LIKING.map((each, index) => each * (1 + 0.5 * Math.sin(part * 6 + index * 2)))
  let draw = Math.random() * liking.reduce((sum, each) => sum + each, 0)
  const index = liking.findIndex((each) => {
    draw -= each
    return draw < 0
  })
  const chosen = contestants[index] ?? contestants[0]
  if (!chosen) throw new Error('the event has no contestants')
  return chosen
}
