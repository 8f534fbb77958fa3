"""Admin of users, groups, API tokens and background jobs, in unfold's design."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from procrastinate.contrib.django.admin import ProcrastinateJobAdmin
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.authtoken.admin import TokenAdmin as DrfTokenAdmin
from rest_framework.authtoken.models import TokenProxy
from taggit.admin import TagAdmin as _  # noqa: F401 - registers Tag before it is unregistered below
from taggit.models import Tag
from unfold.forms import (
    AdminPasswordChangeForm,
    UserChangeForm,
    UserCreationForm,
)

from assetbank.admin.base import ModelAdmin, TabularInline
from assetbank.models import Membership

# Tag: renaming or deleting one would not update its assets, nor the search index
admin.site.unregister([User, Group, TokenProxy, ProcrastinateJob, Tag])


class BrandsInline(TabularInline[Membership, User]):
    model = Membership
    extra = 0
    autocomplete_fields = ["brand"]


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, ModelAdmin[User]):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = [BrandsInline]


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, ModelAdmin[Group]):
    pass


@admin.register(TokenProxy)
class TokenAdmin(DrfTokenAdmin, ModelAdmin[TokenProxy]):
    list_select_related = ["user"]
    autocomplete_fields = ["user"]


@admin.register(ProcrastinateJob)
class JobAdmin(ProcrastinateJobAdmin, ModelAdmin[ProcrastinateJob]):
    pass
