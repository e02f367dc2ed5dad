import { mount } from 'svelte'
import LogPage from './LogPage.svelte'
import './page.css'

mount(LogPage, { target: document.getElementById('page')! })
