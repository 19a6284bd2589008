import './styles/base.css'
import './styles/shell.css'
import './styles/board.css'
import './styles/forms.css'
import 'uplot/dist/uPlot.min.css'
import { render } from 'preact'
import { createServices, ServicesContext } from './services.js'
import { App } from './shell/app.js'

const root = document.getElementById('page')
if (!root) throw new Error('the page has no place to be drawn')
const services = createServices()
services.rum.start()
render(
  <ServicesContext.Provider value={services}>
    <App />
  </ServicesContext.Provider>,
  root,
)
