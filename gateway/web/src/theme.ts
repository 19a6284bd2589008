import { createValue, type Watched } from './state.js'

export type Theme = 'light' | 'dark'

/** The system's choice until a person makes one; theirs is kept. */
export interface ThemeChoice {
  readonly theme: Watched<Theme>
  toggle(): void
}

const KEY = 'votestream.theme'

export const createThemeChoice = (storage: Storage, root: HTMLElement): ThemeChoice => {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const kept = (): Theme | undefined => {
    const text = storage.getItem(KEY)
    return text === 'light' || text === 'dark' ? text : undefined
  }
  const theme = createValue<Theme>('light')
  const apply = () => {
    const next = kept() ?? (system.matches ? 'dark' : 'light')
    root.dataset.theme = next
    theme.set(next)
  }
  apply()
  system.addEventListener('change', apply)
  return {
    theme,
    toggle() {
      storage.setItem(KEY, theme.get() === 'dark' ? 'light' : 'dark')
      apply()
    },
  }
}
