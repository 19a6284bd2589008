import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { Person } from '../../src/browser/temporary-system.js'
import type { DemoEvent } from '../../src/demo/crowd.js'

// What a person does on the page, and what they see.

type Login = Pick<Person, 'username' | 'password'>

export const signIn = async (page: Page, { username, password }: Login): Promise<void> => {
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Username').fill(username)
  await dialog.getByLabel('Password').fill(password)
  await dialog.getByRole('button', { name: 'Sign in' }).click()
}

export const signedIn = async (page: Page, login: Login): Promise<void> => {
  await signIn(page, login)
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}

export const contestantId = (event: DemoEvent, index: number): string => {
  const contestant = event.contestants[index]
  assert.ok(contestant)
  return contestant.contestant_id
}

export const choose = (page: Page, event: DemoEvent, index: number): Promise<void> =>
  page.locator(`input[value="${contestantId(event, index)}"]`).check()

export const voteButton = (page: Page) => page.getByRole('button', { name: /^Vote for/ })

/** The rows as a person reads them: contestant and votes, first place first. */
export const rows = (page: Page) =>
  page
    .locator('.board-rows > li')
    .evaluateAll((items) =>
      items.map((item) => [item.getAttribute('data-id'), Number(item.getAttribute('data-total'))]),
    )

export const untilRow = (page: Page, event: DemoEvent, index: number, votes: number): Promise<void> =>
  page.locator(`.board-rows > li[data-id="${contestantId(event, index)}"][data-total="${votes}"]`).waitFor()

/** Presses Tab until it leads where it should. */
export const tabTo = async (page: Page, reached: () => Promise<boolean>): Promise<void> => {
  for (let steps = 0; steps < 40; steps += 1) {
    if (await reached()) return
    await page.keyboard.press('Tab')
  }
  assert.fail('the keyboard does not lead there')
}
